"""Parts of forms that other packages use too."""
