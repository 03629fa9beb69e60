tutti { language = 1 }
