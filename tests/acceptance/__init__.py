"""The program as people run it: its commands and its server, with a Twilio that is not our own code."""
