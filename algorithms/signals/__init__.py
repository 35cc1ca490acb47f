"""What says which items come next for a user: one module per signal, their blend, and how it is chosen."""
