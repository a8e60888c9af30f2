"""Payment plans over one or several invoices: what happens next to them, and how late money heals them."""
