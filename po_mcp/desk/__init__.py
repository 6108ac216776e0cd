"""The purchasing desk: what a buyer can have done, whichever ERP and whichever client, and how words are understood."""
