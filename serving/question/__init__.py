"""What is asked of a list: the user, the options, the operator's rules, filter expressions."""
