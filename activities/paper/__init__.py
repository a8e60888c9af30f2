"""Paper: statements, letters, exhibits and packs as pages, and the process that makes PDFs of them."""
