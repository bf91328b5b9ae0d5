"""Analyses: frames in, frames out; never the store."""
