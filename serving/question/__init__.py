"""What is asked of a list: the user, the wishes, the operator's rules, filter expressions."""
