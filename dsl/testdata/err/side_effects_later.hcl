activity "send" {
  input "real" { type = bool }
  image        = "alpine:3.20"
  side_effects = input.real
  retries      = { lost = 2, image = 1 }
  script       = "make send"
}
pipeline "ci" {
  on "push" {}
  job "defined" {
    activity "send" {
      use  = def.send
      with = { real = event.branch == "main" }
    }
    activity "pretend" {
      use  = def.send
      with = { real = false }
    }
  }
  job "each" {
    image = "alpine:3.20"
    matrix { axes = { place = ["here", "there"] } }
    retries = { lost = 2 }
    activity "publish" {
      side_effects = matrix.place == "there"
      script       = "make publish"
    }
  }
}
