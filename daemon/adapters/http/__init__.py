"""The dashboard, the JSON interface, server-sent events, health and metrics over HTTP."""
