package fmt

import "errors"

type wrapError struct {
	text string
	err  error
}

func (e *wrapError) Error() string { return e.text }
func (e *wrapError) Unwrap() error { return e.err }

// Errorf returns an error that wraps what stands for each %w.
func Errorf(format string, a ...any) error {
	text := Sprintf(format, a...)
	var wrapped []error
	for i, arg := 0, 0; i+1 < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		for i++; i < len(format)-1 && '0' <= format[i] && format[i] <= '9'; i++ {
		}
		if format[i] == '%' {
			continue
		}
		if format[i] == 'w' && arg < len(a) {
			if err, ok := a[arg].(error); ok {
				wrapped = append(wrapped, err)
			}
		}
		arg++
	}
	switch len(wrapped) {
	case 0:
		return errors.New(text)
	case 1:
		return &wrapError{text, wrapped[0]}
	}
	return &wrapError{text, errors.Join(wrapped...)}
}
