"""Examples that the RFCs print, read and written exactly so."""
