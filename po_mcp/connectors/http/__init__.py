"""HTTP to an ERP: the only place that sends requests and translates foreign errors."""
