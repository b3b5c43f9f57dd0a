"""Whether a platform is fit for a run: every service is asked, nothing is changed, each fault comes with its remedy."""
