"""python -m po_mcp."""

from po_mcp.cli import main

if __name__ == "__main__":
    main()
