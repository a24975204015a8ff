"""All that ``basicsr check`` looks at in an option file and its data, before anything is trained."""
