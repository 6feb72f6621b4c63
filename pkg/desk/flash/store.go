package flash

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// load fills the file system with what the host's directory holds. Files stay
// where they are until they are changed.
func (f *FS) load(n *inode, dir string) error {
	rows, err := fs.ReadDir(f.dir.FS(), dir)
	if err != nil {
		return err
	}
	for _, row := range rows {
		info, err := row.Info()
		if err != nil {
			return err
		}
		name := path.Join(dir, row.Name())
		var child *inode
		switch info.Mode().Type() {
		case fs.ModeDir:
			child = f.create(syscall.S_IFDIR | uint32(info.Mode().Perm()))
			err = f.load(child, name)
		case fs.ModeSymlink:
			child = f.create(syscall.S_IFLNK | 0o777)
			child.to, err = f.dir.Readlink(name)
		case 0:
			child = f.create(syscall.S_IFREG | uint32(info.Mode().Perm()))
			child.size, child.path = info.Size(), name
			f.used += child.size
			child.host, err = f.dir.Open(name)
		default:
			continue
		}
		if err != nil {
			return err
		}
		child.mtime = info.ModTime()
		set(change{dir: n, name: row.Name()}, child)
	}
	return nil
}

// store makes the host's directory like n: what is gone is removed, what was
// changed is written, what is as it was stays.
func (f *FS) store(n *inode, dir string) error {
	rows, err := fs.ReadDir(f.dir.FS(), dir)
	if err != nil {
		return err
	}
	for _, row := range rows {
		child, name := n.names[row.Name()], path.Join(dir, row.Name())
		if child == nil || child.dir() != row.IsDir() || child.regular() && (child.host == nil || child.path != name) {
			if err := f.dir.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	for base, child := range n.names {
		name := path.Join(dir, base)
		switch {
		case child.dir():
			err := f.dir.Mkdir(name, 0o755)
			if err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			if err := f.store(child, name); err != nil {
				return err
			}
		case child.regular():
			if child.host != nil && child.path == name {
				break
			}
			if err := f.write(child, name); err != nil {
				return err
			}
		default:
			err := f.dir.Symlink(child.to, name)
			if err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			continue
		}
		if err := errors.Join(f.dir.Chmod(name, fs.FileMode(child.mode&0o777)), f.dir.Chtimes(name, child.mtime, child.mtime)); err != nil {
			return err
		}
	}
	return nil
}

func (f *FS) write(n *inode, name string) error {
	to, err := f.dir.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	b := make([]byte, chunk)
	for off := int64(0); off < n.size && err == nil; off += chunk {
		k := n.read(b, off)
		_, err = to.WriteAt(b[:k], off)
	}
	return errors.Join(err, to.Close())
}
