"""What says which items come next for a user: one module per signal, and the histories they score."""
