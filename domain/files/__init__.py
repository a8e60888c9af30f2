"""Files that come in: tables of invoices, e-invoices, and the past that they tell of."""
