package time // without zone files there are no places where they are
