//go:build linux

package pid1

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// identity is as whom a process runs.
type identity struct {
	uid, gid int
	groups   []uint32
	home     string
}

// findUser resolves the user of an image in the image's own files, as Docker does: "", "name", "uid", and each with
// ":group" or ":gid".
func findUser(user string) (identity, error) {
	return accounts{passwd: "/etc/passwd", group: "/etc/group"}.find(user)
}

// accounts are the two files.
type accounts struct{ passwd, group string }

func (a accounts) find(spec string) (identity, error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	if name == "" {
		name = "0"
	}
	who, err := a.user(name)
	if err != nil {
		return who, err
	}
	if hasGroup && group != "" {
		who.gid, err = a.groupID(group)
		who.groups = nil
	}
	return who, err
}

// user looks a user up by name, then by number. A number needs no entry.
func (a accounts) user(name string) (identity, error) {
	lines, err := entries(a.passwd, 6)
	if err != nil {
		return identity{}, err
	}
	number, numberErr := strconv.Atoi(name)
	who := identity{uid: number, home: "/"}
	login, found := "", false
	for _, by := range []int{0, 2} {
		i := slices.IndexFunc(lines, func(l []string) bool { return l[by] == name })
		if i < 0 {
			continue
		}
		uid, uidErr := strconv.Atoi(lines[i][2])
		gid, gidErr := strconv.Atoi(lines[i][3])
		if uidErr != nil || gidErr != nil {
			return who, fmt.Errorf("user %s has no numbers in /etc/passwd of the image", name)
		}
		who.uid, who.gid, who.home = uid, gid, lines[i][5]
		login, found = lines[i][0], true
		break
	}
	if !found && (numberErr != nil || number < 0) {
		return who, fmt.Errorf("the image has no user %s in /etc/passwd", name)
	}
	if who.home == "" {
		who.home = "/"
	}
	who.groups, err = a.groups(login)
	return who, err
}

// groups answers the groups that list a user.
func (a accounts) groups(login string) ([]uint32, error) {
	lines, err := entries(a.group, 4)
	if err != nil || login == "" {
		return nil, err
	}
	var ids []uint32
	for _, l := range lines {
		if id, err := strconv.ParseUint(l[2], 10, 32); err == nil && slices.Contains(strings.Split(l[3], ","), login) {
			ids = append(ids, uint32(id))
		}
	}
	return ids, nil
}

func (a accounts) groupID(group string) (int, error) {
	lines, err := entries(a.group, 3)
	if err != nil {
		return 0, err
	}
	for _, l := range lines {
		if id, err := strconv.Atoi(l[2]); err == nil && l[0] == group {
			return id, nil
		}
	}
	if id, err := strconv.Atoi(group); err == nil && id >= 0 {
		return id, nil
	}
	return 0, fmt.Errorf("the image has no group %s in /etc/group", group)
}

// entries reads the lines of an account file that have at least so many fields. An image need not have the file.
func entries(path string, fields int) ([][]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the users of the image: %w", err)
	}
	defer f.Close()
	var lines [][]string
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		if l := strings.Split(scanner.Text(), ":"); len(l) >= fields {
			lines = append(lines, l)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("reading the users of the image: %w", err)
	}
	return lines, nil
}
