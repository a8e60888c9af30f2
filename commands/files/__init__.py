"""Files that come in: portfolios and e-invoices, bank statements."""
