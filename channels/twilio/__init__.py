"""Text messages and WhatsApp through Twilio. The channels are imported only where they are in use."""
