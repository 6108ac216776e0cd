"""What hosts with MCP Apps show in place of a result's text: one card, for lists, orders and outcomes."""
