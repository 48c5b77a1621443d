"""Pictures of clips: strips, GIFs, MP4s and the paper's Figure 3."""
