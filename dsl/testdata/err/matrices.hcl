pipeline "ci" {
  on "push" {}
  job "no_list" {
    matrix { axes = { go = "1.25", db = [] } }
    image = "alpine:${matrix.gone}"
    activity "x" { script = "true" }
  }
  job "no_object" {
    matrix { axes = ["a"] }
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
  job "entries" {
    matrix {
      axes         = { go = ["1.25", "1.26"], n = [1] }
      exclude      = [{ go = "1.25" }, { go = "1.25", n = "1" }, { go = "1.25", n = 1, x = 1 }, "x"]
      include      = "x"
      max_parallel = 0
      fail_fast    = "no"
    }
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
  job "many" {
    matrix { axes = { a = range(20), b = range(20) } }
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
  job "none" {
    image = "alpine:${matrix.go}"
    activity "x" { script = "true" }
  }
  job "names" {
    matrix { axes = { "Go Version" = ["1"] } }
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
