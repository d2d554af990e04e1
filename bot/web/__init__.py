"""The web: webhooks, dashboard, simulated phones."""
