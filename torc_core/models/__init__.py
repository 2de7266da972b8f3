"""Wire format and vocabulary of all three packages: msgspec structs, one module per idea."""
