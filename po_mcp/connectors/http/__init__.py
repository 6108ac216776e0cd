"""HTTP to an ERP: the one place where a request is sent, and where foreign errors become ours."""
