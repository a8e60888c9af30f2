"""The improvement report as paper and workbook, with what a hold-out shows."""
