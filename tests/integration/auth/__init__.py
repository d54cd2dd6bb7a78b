"""Who may do what, tried as an attacker would: real broker, real database, several doors."""
