"""Files of others, read and written: CTM and STM, subtitles, logits, confusion networks, tables of text."""
