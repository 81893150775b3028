"""Video files and folders of images become pictures with times."""
