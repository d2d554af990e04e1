"""The record out: transcripts, matrix, QDA project, data, ethics pack, subject access, archive set, methods report."""
