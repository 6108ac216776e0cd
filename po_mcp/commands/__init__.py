"""What the command line offers, one file each, imported when it runs."""
