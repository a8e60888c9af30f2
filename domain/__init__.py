"""The rules, pure. Here: one case, what happens next to it, and the words of the wire. In the folders: what is built
on cases, each a capability, which nothing here depends on."""
