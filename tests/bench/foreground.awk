END{}
