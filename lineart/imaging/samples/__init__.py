"""Pictures as samples for training: measured, cut out, and changed at random."""
