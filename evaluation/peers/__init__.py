"""What others would do with Rasa alone, on our training questions and development set; its report is kept here."""
