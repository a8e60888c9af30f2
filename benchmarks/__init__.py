"""What an invoice costs and how soon money is known, measured on this machine; see the README beside this."""
