"""How frames are made, on one machine or on Ray."""
