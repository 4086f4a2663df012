// composition root: to come
int main() { return 0; }
