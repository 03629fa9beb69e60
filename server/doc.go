// Package server holds the nouns of the server and their rules: projects, runs, jobs, activities, agents, and the kinds
// of errors that cross its border.
//
// It does no I/O. The folders below it are adapters, one technology or role each: store (SQL), queue, gateway (agents'
// websockets), logs (files), forge (git and the like), trigger (event to stored run), flow (values that only a run brings),
// auth, api (HTTP/JSON) and web (the browser). They import this package and the plan, never each other; package main wires
// them.
package server
