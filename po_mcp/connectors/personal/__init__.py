"""Each person uses the ERP with credentials of their own: how those are kept, and who is asked with which."""
