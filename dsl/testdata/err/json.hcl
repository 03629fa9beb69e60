{
  "pipeline": {}
}
