"""Words: drafts by template or model, and the text that mails and papers are laid out from."""
