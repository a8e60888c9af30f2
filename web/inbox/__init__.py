"""The sandbox inbox: on a demo's machine alone, the customers' side of its mails."""
