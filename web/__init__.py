"""The portal for customers, the console for staff, and webhooks."""
