"""Pictures as samples for training: measured, cut out, changed; films use `faces`, too."""
