// Package disk gives tests small disks, on Linux, so that they can see what happens on a full one.
package disk
