locals { versions = ["1.25", "1.26"] }
pipeline "ci" {
  on "push" {}
  job "test" {
    matrix {
      axes    = { go = local.versions, db = [{ name = "pg", port = 5432 }], race = [true, false] }
      exclude = [{ go = "1.25", db = { name = "pg", port = 5432 }, race = true }]
      include = [{ go = "1.27", db = { name = "my", port = 3306 }, race = true }]
    }
    environment = matrix.race ? "slow" : "fast"
    image       = "golang:${matrix.go}"
    agent { memory = matrix.race ? "2GiB" : "1GiB" }
    activity "x" {
      env    = { PORT = matrix.db.port }
      script = "true"
    }
  }
  job "none" {
    matrix { axes = { x = [for v in local.versions : v if v == "2"] } }
    image = "alpine:3.20"
    activity "x" { script = "echo never" }
  }
}
