package com.acme.zoo;

import java.io.Serializable;
import java.util.IdentityHashMap;
import java.util.Map;

/** A graph that may be cyclic. Equal means the same labels and the same shape: an object met twice on one side is met twice on the other. */
public class Node implements Serializable {
    private static final long serialVersionUID = 1L;
    private String label;
    private Node left;
    private Node right;

    public Node() {}

    public Node(String label) { this.label = label; }

    public String getLabel() { return label; }
    public void setLabel(String v) { label = v; }
    public Node getLeft() { return left; }
    public void setLeft(Node v) { left = v; }
    public Node getRight() { return right; }
    public void setRight(Node v) { right = v; }

    @Override public boolean equals(Object o) {
        return o instanceof Node && alike(this, (Node) o, new IdentityHashMap<>(), new IdentityHashMap<>());
    }

    @Override public int hashCode() { return label == null ? 0 : label.hashCode(); }

    @Override public String toString() { return draw(this, new IdentityHashMap<>()); }

    private static boolean alike(Node a, Node b, Map<Node, Node> there, Map<Node, Node> back) {
        if (a == null || b == null) return a == b;
        if (there.containsKey(a) || back.containsKey(b)) return there.get(a) == b && back.get(b) == a;
        there.put(a, b);
        back.put(b, a);
        boolean sameLabel = a.label == null ? b.label == null : a.label.equals(b.label);
        return sameLabel && alike(a.left, b.left, there, back) && alike(a.right, b.right, there, back);
    }

    private static String draw(Node n, Map<Node, Integer> met) {
        if (n == null) return "null";
        Integer number = met.get(n);
        if (number != null) return "#" + number;
        met.put(n, met.size());
        return "Node#" + met.get(n) + "{" + n.label + ", " + draw(n.left, met) + ", " + draw(n.right, met) + "}";
    }
}
