package main

import (
	"context"
	"errors"
)

func reviewVerb(ctx context.Context, args []string, io stdio) int {
	return fail(io, "review", errors.New("not built yet"))
}
