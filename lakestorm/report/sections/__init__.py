"""The report's sections: from results to what one template block shows; pure functions, one module a section."""
