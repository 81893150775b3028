"""A recogniser for signs of one's own: takes of single signs are recorded, sentences composed of them are learnt."""
